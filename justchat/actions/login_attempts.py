"""Wrong keys and room passwords.

Wrong keys are counted beyond the five tries of one key: by phone, whatever its key is by now, by address and network,
and in all.

An owner keeps a way in. From a network where they signed in lately only their own wrong keys count, which no stranger
can use up, unless in the same network.
"""

from attrs import frozen

from justchat.actions.abuse_alarm import AbuseAlarm
from justchat.interfaces.counters import IRateWindows
from justchat.model.ids import Id, derived_id
from justchat.model.network import network_of
from justchat.model.phone import Phone
from justchat.model.rate import Rate, RateCounter
from justchat.model.room import Room
from justchat.model.user import UserKey

OF_PHONE, OF_ADDRESS, OF_NETWORK = "wrong-keys-per-phone", "wrong-keys-per-address", "wrong-keys-per-network"
IN_ALL = "wrong-keys-in-all"
ENDLESS = (Rate(10**9, 60),)


def network_id_of(user: Id, address: str | None) -> Id:
    """The network of an address as one user's place. None is one that is not counted."""
    return derived_id("place", user, "" if address is None else network_of(address))


def is_known_network(key: UserKey | None, address: str | None) -> bool:
    """Whether a caller is where the owner of a key signed in lately."""
    return key is not None and network_id_of(key.user, address) in key.known_networks


@frozen(kw_only=True)
class LoginAttempts:
    """How many wrong keys are borne with. An address of None is not counted."""

    rate_windows: IRateWindows
    alarm: AbuseAlarm
    per_phone: tuple[Rate, ...]
    per_address: tuple[Rate, ...]
    per_network: tuple[Rate, ...]
    in_all: tuple[Rate, ...]

    async def check(self, phone: Phone, address: str | None, key: UserKey | None) -> bool:
        """Before a key is judged, and before a right one is let in. Raises TooManyRequests.

        Returns whether there are so many wrong keys that a captcha is in order. Nothing is counted yet: what ends
        before it is judged counts nothing.
        """
        if key is not None and key.is_usable and is_known_network(key, address):
            await self.rate_windows.used([self._owners(phone)])
            return False
        return await self.alarm.watch(
            [*self._callers(address), *self._phones(phone, key)], [RateCounter(IN_ALL, "", self.in_all)]
        )

    async def wrong(self, phone: Phone, address: str | None, key: UserKey | None) -> None:
        """A key was judged wrong. Raises TooManyRequests: then it is answered so, whether right or wrong."""
        if key is not None and key.is_usable and is_known_network(key, address):
            await self.rate_windows.take([self._owners(phone)])
        elif key is not None and key.is_usable:
            in_all = RateCounter(IN_ALL, "", self.in_all)
            await self.rate_windows.take([*self._callers(address), *self._phones(phone, key), in_all])
        else:
            # There is no such key. It takes as much work as counting a try of one, so that the time does not tell.
            instead = {"tries": ENDLESS, "phone": self.per_phone, "all": self.in_all}
            others = [RateCounter("no-key", phone, ENDLESS if rates else (), group) for group, rates in instead.items()]
            await self.rate_windows.take([*self._callers(address), *others])

    async def right(self, phone: Phone, address: str | None, key: UserKey) -> None:
        """The key was right: nothing is held against its owner. At home that makes no room for strangers."""
        at_home = is_known_network(key, address)
        await self.rate_windows.forget(self._owners(phone) if at_home else RateCounter(OF_PHONE, phone, self.per_phone))

    def _owners(self, phone: Phone) -> RateCounter:
        return RateCounter(OF_PHONE, phone, self.per_phone, "owner")

    def _phones(self, phone: Phone, key: UserKey | None) -> list[RateCounter]:
        """A key that is burnt is not counted by phone: it may be tried for ever, and in vain."""
        return [RateCounter(OF_PHONE, phone, self.per_phone)] if key is not None and key.is_usable else []

    def _callers(self, address: str | None) -> list[RateCounter]:
        if address is None:
            return []
        return [
            RateCounter(OF_ADDRESS, address, self.per_address),
            RateCounter(OF_NETWORK, network_of(address), self.per_network),
        ]


@frozen(kw_only=True)
class RoomPasswordAttempts:
    """How many wrong room passwords are borne with: by person, by address and by room.

    Who was inside before is not counted by room: strangers who guess keep them out of no room of theirs.
    """

    rate_windows: IRateWindows
    per_user: tuple[Rate, ...]
    per_address: tuple[Rate, ...]
    per_room: tuple[Rate, ...]

    async def check(self, user: Id, address: str | None, room: Room) -> None:
        """Before a password is judged, and before a right one opens. Raises TooManyRequests. Counts nothing."""
        await self.rate_windows.used(self._counters(user, address, room))

    async def wrong(self, user: Id, address: str | None, room: Room) -> None:
        """A password was judged wrong. Raises TooManyRequests: then it is answered so, whether right or wrong."""
        await self.rate_windows.take(self._counters(user, address, room))

    def _counters(self, user: Id, address: str | None, room: Room) -> list[RateCounter]:
        counters = [RateCounter("wrong-passwords-per-user", user, self.per_user)]
        if address is not None:
            counters.append(RateCounter("wrong-passwords-per-address", address, self.per_address))
        if user not in room.visitors:
            counters.append(RateCounter("wrong-passwords-per-room", room.id, self.per_room))
        return counters
