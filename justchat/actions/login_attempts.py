"""Limits on wrong sign-in keys, wrong server keys and wrong room passwords.

A single key is locked after five wrong tries. The limits here count wrong keys beyond that: per phone, across all of
its keys; per address and network; and in all.

An attacker cannot lock out an owner. For an attempt from a known network, one where the owner signed in lately, only
wrong keys from known networks count. An attacker can add to those only from inside such a network.
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
UNLIMITED = (Rate(10**9, 60),)


def network_id_of(user: Id, address: str | None) -> Id:
    """The id under which a user's known networks hold the network of an address. It does not reveal the network.

    None is an address that is not counted.
    """
    return derived_id("place", user, "" if address is None else network_of(address))


def is_known_network(key: UserKey | None, address: str | None) -> bool:
    """Whether the owner of a key signed in lately from the network of an address."""
    return key is not None and network_id_of(key.user, address) in key.known_networks


@frozen(kw_only=True)
class LoginAttempts:
    """Limits on wrong keys. An address of None is not counted."""

    rate_windows: IRateWindows
    alarm: AbuseAlarm
    per_phone: tuple[Rate, ...]
    per_address: tuple[Rate, ...]
    per_network: tuple[Rate, ...]
    in_all: tuple[Rate, ...]

    async def check(self, phone: Phone, address: str | None, key: UserKey | None) -> bool:
        """Whether the caller needs a captcha. Raises TooManyRequests.

        Called before a key is checked, and again before a right key is accepted. It counts nothing: a call that ends
        before its key is checked is not counted.
        """
        if key is not None and key.is_usable and is_known_network(key, address):
            await self.rate_windows.used([self._of_owner(phone)])
            return False
        return await self.alarm.watch(
            [*self._of_caller(address), *self._of_phone(phone, key)], [RateCounter(IN_ALL, "", self.in_all)]
        )

    async def count(self, phone: Phone, address: str | None, key: UserKey | None) -> None:
        """Count a wrong key. Raises TooManyRequests, as it would for a right key."""
        if key is not None and key.is_usable and is_known_network(key, address):
            await self.rate_windows.take([self._of_owner(phone)])
        elif key is not None and key.is_usable:
            in_all = RateCounter(IN_ALL, "", self.in_all)
            await self.rate_windows.take([*self._of_caller(address), *self._of_phone(phone, key), in_all])
        else:
            # No usable key. These counters cost as much work as those of one, so that the time reveals nothing.
            instead = {"tries": UNLIMITED, "phone": self.per_phone, "all": self.in_all}
            others = [
                RateCounter("no-key", phone, UNLIMITED if rates else (), group) for group, rates in instead.items()
            ]
            await self.rate_windows.take([*self._of_caller(address), *others])

    async def forget(self, phone: Phone, address: str | None, key: UserKey) -> None:
        """Reset the phone's count after a right key; from a known network, only the count of known networks."""
        known = is_known_network(key, address)
        await self.rate_windows.forget(self._of_owner(phone) if known else RateCounter(OF_PHONE, phone, self.per_phone))

    def _of_owner(self, phone: Phone) -> RateCounter:
        return RateCounter(OF_PHONE, phone, self.per_phone, "owner")

    def _of_phone(self, phone: Phone, key: UserKey | None) -> list[RateCounter]:
        """None for a key that is not usable: every try of it fails, so there is nothing to limit."""
        return [RateCounter(OF_PHONE, phone, self.per_phone)] if key is not None and key.is_usable else []

    def _of_caller(self, address: str | None) -> list[RateCounter]:
        if address is None:
            return []
        return [
            RateCounter(OF_ADDRESS, address, self.per_address),
            RateCounter(OF_NETWORK, network_of(address), self.per_network),
        ]


@frozen(kw_only=True)
class RoomPasswordAttempts:
    """Limits on wrong room passwords: per user, per address and per room.

    Earlier visitors of a room are not counted per room, so that an attacker who guesses cannot lock them out.
    """

    rate_windows: IRateWindows
    per_user: tuple[Rate, ...]
    per_address: tuple[Rate, ...]
    per_room: tuple[Rate, ...]

    async def check(self, user: Id, address: str | None, room: Room) -> None:
        """Raises TooManyRequests. Called before a password is checked, and again before a right one is accepted."""
        await self.rate_windows.used(self._counters(user, address, room))

    async def count(self, user: Id, address: str | None, room: Room) -> None:
        """Count a wrong password. Raises TooManyRequests, as it would for a right password."""
        await self.rate_windows.take(self._counters(user, address, room))

    def _counters(self, user: Id, address: str | None, room: Room) -> list[RateCounter]:
        counters = [RateCounter("wrong-passwords-per-user", user, self.per_user)]
        if address is not None:
            counters.append(RateCounter("wrong-passwords-per-address", address, self.per_address))
        if user not in room.visitors:
            counters.append(RateCounter("wrong-passwords-per-room", room.id, self.per_room))
        return counters


@frozen(kw_only=True)
class ServerKeyAttempts:
    """Limits on wrong server keys: per address and network. An address of None is not counted."""

    rate_windows: IRateWindows
    per_address: tuple[Rate, ...]
    per_network: tuple[Rate, ...]

    async def check(self, address: str | None) -> None:
        """Raises TooManyRequests."""
        if address is not None:
            await self.rate_windows.used(self._counters(address))

    async def count(self, address: str | None) -> None:
        """Count a wrong key. Raises TooManyRequests, as it would for a right key."""
        if address is not None:
            await self.rate_windows.take(self._counters(address))

    def _counters(self, address: str) -> list[RateCounter]:
        return [
            RateCounter("wrong-server-keys-per-address", address, self.per_address),
            RateCounter("wrong-server-keys-per-network", network_of(address), self.per_network),
        ]
