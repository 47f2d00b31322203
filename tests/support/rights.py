"""The table of rights: the status of every call for every kind of caller, by the contract.

A row is a call and what it is about; a cell is what the caller of its column is answered. Columns:

nobody     has no session
forged     has a session key that was never given out
outsider   is signed in, and in another room
member     is in the room
silenced   is in the room, and silenced
banned     was put out of the room, and may not come back
moderator  is in the room, and a moderator
admin      is in the room, and its admin
absentee   is its admin, and not inside
"""

COLUMNS = ("nobody", "forged", "outsider", "member", "silenced", "banned", "moderator", "admin", "absentee")

TABLE = """
# call                      about              nobo forg outs memb sile bann mode admi abse
/init/reg                   a new phone         201  201  201  201  201  201  201  201  201
/init/auth                  a wrong key         401  401  401  401  401  401  401  401  401
/init/invite                nobody              440  440  200  200  200  200  200  200  200
/init/edit                  oneself             440  440  200  200  200  200  200  200  200
/init/getUser               another             440  440  200  200  200  200  200  200  200
/init/getUsers              others              440  440  200  200  200  200  200  200  200
/user/search                another             440  440  403  403  403  403  403  403  403
/user/gifts                 another             440  440  200  200  200  200  200  200  200
/user/gifts                 nobody              440  440  404  404  404  404  404  404  404
/init/sessions              one's own           440  440  200  200  200  200  200  200  200
/user/updateBalance         a wrong signature   440  440  403  403  403  403  403  403  403
/gifts/send                 no coins            440  440  402  402  402  402  402  402  402
/user/free-coins            oneself             440  440  200  200  200  200  200  200  400
/gifts                      the catalogue       440  440  200  200  200  200  200  200  200
/room/create                a room              440  440  201  201  201  201  201  201  201
/room/get                   the room            440  440  200  200  200  200  200  200  200
/room/enter                 the password        440  440  200  200  200  403  200  200  200
/room/enter                 a wrong password    440  440  401  200  200  403  200  200  200
/room/enter                 nothing             440  440  404  404  404  404  404  404  404
/room/leave                 the room            440  440  200  200  200  200  200  200  200
/room/edit                  the room            440  440  403  403  403  403  403  200  200
/room/edit                  its slow mode       440  440  403  403  403  403  200  200  200
/room/edit                  nothing             440  440  404  404  404  404  404  404  404
/room/remove                the room            440  440  401  401  401  401  401  200  200
/room/remove                nothing             440  440  404  404  404  404  404  404  404
/room/sendMessage           the room            440  440  403  200  403  403  200  200  403
/room/sendMessage           another's message   440  440  404  404  404  404  404  404  404
/room/sendMessage           a direct message    440  440  404  404  404  404  404  404  404
/room/chat                  the room            440  440  403  200  200  403  200  200  200
/server/users/get           another             401  401  401  401  401  401  401  401  401
/server/rooms/create        another             401  401  401  401  401  401  401  401  401
/server/rooms/edit          the room            401  401  401  401  401  401  401  401  401
/server/rooms/remove        the room            401  401  401  401  401  401  401  401  401
/server/rooms/put           another             401  401  401  401  401  401  401  401  401
/server/rooms/kick          a member            401  401  401  401  401  401  401  401  401
/server/messages/send       the room            401  401  401  401  401  401  401  401  401
/server/messages/remove     the room's message  401  401  401  401  401  401  401  401  401
/server/coins/add           another             401  401  401  401  401  401  401  401  401
/server/users/upsert        another             401  401  401  401  401  401  401  401  401
/server/users/search        another             401  401  401  401  401  401  401  401  401
/server/users/suspend       another             401  401  401  401  401  401  401  401  401
/server/users/unsuspend     another             401  401  401  401  401  401  401  401  401
/server/users/delete        another             401  401  401  401  401  401  401  401  401
/server/users/end-sessions  another             401  401  401  401  401  401  401  401  401
/server/sessions/new        another             401  401  401  401  401  401  401  401  401
/server/complaints/list     everybody's         401  401  401  401  401  401  401  401  401
/server/complaints/close    another's           401  401  401  401  401  401  401  401  401
/server/complaints/show     another's          401  401  401  401  401  401  401  401  401
/server/complaints/reopen   another's          401  401  401  401  401  401  401  401  401
/server/users/list          everybody          401  401  401  401  401  401  401  401  401
/server/rooms/silence       a member           401  401  401  401  401  401  401  401  401
/server/rooms/ban           a member           401  401  401  401  401  401  401  401  401
/server/rooms/unban         the banned         401  401  401  401  401  401  401  401  401
/server/rooms/list          everybody's        401  401  401  401  401  401  401  401  401
/server/rooms/show          the room           401  401  401  401  401  401  401  401  401
/server/held/list           everybody's        401  401  401  401  401  401  401  401  401
/server/held/release        the room's message 401  401  401  401  401  401  401  401  401
/server/held/drop           the room's message 401  401  401  401  401  401  401  401  401
/server/gifts/list          the catalogue      401  401  401  401  401  401  401  401  401
/server/gifts/add           a gift             401  401  401  401  401  401  401  401  401
/server/gifts/edit          a gift             401  401  401  401  401  401  401  401  401
/server/gifts/remove        a gift             401  401  401  401  401  401  401  401  401
/server/whoami              a key              401  401  401  401  401  401  401  401  401
/server/keys/list           all keys           401  401  401  401  401  401  401  401  401
/server/keys/add            a key              401  401  401  401  401  401  401  401  401
/server/keys/revoke         a key              401  401  401  401  401  401  401  401  401
/server/webhooks/list       all of them        401  401  401  401  401  401  401  401  401
/server/webhooks/replay     all of them        401  401  401  401  401  401  401  401  401
/server/overview            everything         401  401  401  401  401  401  401  401  401
/server/audit/list          everybody's        401  401  401  401  401  401  401  401  401
/server/announcements/list  everybody's        401  401  401  401  401  401  401  401  401
/server/announcements/stop  another's          401  401  401  401  401  401  401  401  401
/room/kick                  a member            440  440  403  403  403  403  200  200  200
/room/kick                  a moderator         440  440  403  403  403  403  403  200  200
/room/kick                  the admin           440  440  403  403  403  403  403  403  403
/room/kick                  another's message   440  440  404  404  404  404  404  404  404
/room/silence               a member            440  440  403  403  403  403  200  200  200
/room/silence               a moderator         440  440  403  403  403  403  403  200  200
/room/silence               the admin           440  440  403  403  403  403  403  403  403
/room/silence               the silenced        440  440  403  403  403  403  200  200  200
/room/ban                   a member            440  440  403  403  403  403  200  200  200
/room/ban                   a moderator         440  440  403  403  403  403  403  200  200
/room/ban                   the admin           440  440  403  403  403  403  403  403  403
/room/unban                 the banned          440  440  403  403  403  403  200  200  200
/room/add-moderator         a member            440  440  403  403  403  403  403  201  201
/room/add-moderator         oneself             440  440  403  403  403  403  403    -    -
/room/remove-moderator      a moderator         440  440  403  403  403  403  403  200  200
/room/remove-message        the admin's message 440  440  403  403  403  403  403  200  200
/room/remove-message        a member's message  440  440  403  403  403  403  200  200  200
/room/remove-message        another's message   440  440  403  403  403  403  403  403  403
/room/remove-message        a direct message    440  440  404  404  404  404  404  404  404
/user/sendMessage           another             440  440  200  200  200  200  200  200  200
/user/messages              another             440  440  200  200  200  200  200  200  200
/user/dialogs               one's own           440  440  200  200  200  200  200  200  200
/user/dialog                another             440  440  200  200  200  200  200  200  200
/user/remove-dialog         another             440  440  200  200  200  200  200  200  200
/user/messages/mark-as-read a direct message    440  440  404  404  404  404  404  404  404
/user/messages/mark-as-read a room's message    440  440  404  404  404  404  404  404  404
/user/messages/remove       a direct message    440  440  404  404  404  404  404  404  404
/user/messages/remove       a room's message    440  440  404  404  404  404  404  404  404
/complaints/new             the room's message  440  440  403  200  200  403  200  200  200
/complaints/new             a direct message    440  440  404  404  404  404  404  404  404
/complaints/new             nothing             440  440  404  404  404  404  404  404  404
/complaints/new             a user              440  440  200  200  200  200  200  200  200
/complaints/new             the room            440  440  200  200  200  200  200  200  200
/user/block                 another             440  440  200  200  200  200  200  200  200
/user/block                 oneself             440  440  400  400  400  400  400  400  400
/user/block                 nobody              440  440  404  404  404  404  404  404  404
/user/blocks                one's own           440  440  200  200  200  200  200  200  200
/user/unblock               another             440  440  200  200  200  200  200  200  200
/user/unblock               nobody              440  440  404  404  404  404  404  404  404
/user/export                one's own           440  440  202  202  202  202  202  202  202
/user/export                another's           440  440  404  404  404  404  404  404  404
/upload                     a picture           201  440  201  201  201  201  201  201  201
/user/delete                a wrong key         440  440  401  401  401  401  401  401  401
/init/exit                  oneself             440  200  200  200  200  200  200  200  200
/init/exit-all              oneself             440  440  200  200  200  200  200  200  200
"""


RELATIONS = """
# call                      about               stranger blocking blocked
/user/sendMessage           them                200      403      403
/gifts/send                 them                402      403      403
/init/getUser               them                200      200      200
/init/getUsers              them                200      200      200
/user/gifts                 them                200      200      200
/user/messages              them                200      200      200
/user/dialog                them                200      200      200
/user/remove-dialog         them                200      200      200
/complaints/new             them                200      200      200
/room/silence               them                200      200      200
/room/kick                  them                200      200      200
/room/ban                   them                200      200      200
/room/unban                 them                200      200      200
/room/add-moderator         them                201      201      201
/room/remove-moderator      them                200      200      200
/user/blocks                one's own           200      200      200
/user/block                 them                200      200      200
/user/unblock               them                200      200      200
"""
"""The status of each call that names another user, of an admin of a room that both are in: to a stranger, to a user
whom the caller blocks, and to one who blocks the caller.
"""


def relations() -> list[tuple[str, dict[str, int]]]:
    """(path, {relation: status}) in the order in which they are tried."""
    lines = [line.split() for line in RELATIONS.strip().splitlines()]
    names = lines[0][-3:]
    return [(line[0], dict(zip(names, map(int, line[-3:]), strict=True))) for line in lines[1:]]


def rows() -> list[tuple[str, str, dict[str, int]]]:
    """(path, what it is about, {column: status}) in the order in which they are tried; "-" is no case of its own."""
    found = []
    for line in TABLE.strip().splitlines()[1:]:
        path, *about = line.split()[: -len(COLUMNS)]
        statuses = zip(COLUMNS, line.split()[-len(COLUMNS) :], strict=True)
        found.append((path, " ".join(about), {column: int(status) for column, status in statuses if status != "-"}))
    return found
