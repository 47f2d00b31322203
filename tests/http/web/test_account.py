"""Profiles, gifts and the account in the web client, and the page that deletes an account without it."""

import re
from pathlib import Path

from tests.support.chat import a_person, a_phone, a_room, last_sms
from tests.support.client import call, request
from tests.support.money import with_coins
from tests.support.tabs import WebCase

PICTURE = Path(__file__).parents[3] / "justchat" / "starter" / "rose.png"


class Account(WebCase):
    async def test_profile_and_gifts(self) -> None:
        """A person sees another's profile, and sends a gift for which the coins are enough."""
        anna = await a_person(self.daemon, nickname="Anna")
        boris = await a_person(self.daemon, nickname="Boris", location="Perm", dob="1990-02-08")
        room = await a_room(anna, anna, boris, name="Kitchen")
        hers, his = await self.tab(anna, f"/#/room/{room}"), await self.tab(boris, f"/#/room/{room}")
        await his.shows("h1", "Kitchen")

        await hers.about("Boris", "Give a gift")
        await hers.shows(".sheet", "Coins: 0")
        await hers.shows(".gift", "Rose")
        self.assertTrue(await hers.run("return find('label.gift', 'Rose').control.disabled"))
        await hers.press("Escape")
        await hers.until("!document.querySelector('dialog')")
        await with_coins(anna, 1000)
        await hers.about("Boris", "Give a gift")
        await hers.shows(".sheet", "Coins: 1000")
        await hers.until("!find('label.gift', 'Rose')?.control.disabled")
        await hers.click("Rose", "label.gift")
        await hers.fill("A word with it", "for you")
        await self.look(hers, "gifts")
        await hers.click("Give a gift", ".sheet button.main")
        await hers.until("!document.querySelector('dialog')")
        await his.shows(".notice", "Anna gives Boris a gift")

        await hers.about("Boris", "Profile")
        await hers.shows(".sheet dd", "Perm")
        await hers.shows(".sheet .gift", "for you")
        await self.look(hers, "profile")
        await his.run("location.hash = '#/me'")
        await his.shows("main .gift q", "for you")

    async def test_refused_gift(self) -> None:
        """What the daemon refuses is said in words: too few coins meanwhile, and somebody who blocks."""
        anna, boris = await with_coins(await a_person(self.daemon), 1000), await a_person(self.daemon, nickname="Boris")
        hers = await self.tab(anna, f"/#/dialog/{boris.id}")
        await hers.click("What to do with this conversation", "button")
        await hers.click("Give a gift", ".menu button")
        await hers.click("Rose", "label.gift")
        await boris.call("/user/block", user=anna.id)
        await hers.click("Give a gift", ".sheet button.main")
        await hers.shows(".sheet .notice", "One of you blocks the other.")
        await boris.call("/user/unblock", user=anna.id)

        gifts = (await anna.call("/gifts")).data["gifts"]
        while (balance := (await anna.shown())["balance"]) >= min(gift["price"] for gift in gifts):
            dearest = max((gift for gift in gifts if gift["price"] <= balance), key=lambda gift: int(gift["price"]))
            await anna.call("/gifts/send", gift=dearest["_id"], user=boris.id, text="")
        await hers.click("Give a gift", ".sheet button.main")
        await hers.shows(".sheet .notice", "You have too few coins for this.")

    async def test_own_account(self) -> None:
        """Profile, blocks, a copy of one's data, and deletion; signing in cancels that."""
        anna, boris = [await a_person(self.daemon, nickname=name) for name in ("Anna", "Boris")]
        await anna.call("/user/block", user=boris.id)
        tab = await self.tab(anna, "/#/me")
        await tab.shows("h1", "Me")
        await tab.fill("Place", "Perm")
        await tab.fill("Date of birth", "1990-02-08")
        await tab.click("Save", "button.main")
        await tab.shows(".notice", "Saved.")
        stored = await anna.shown()
        self.assertEqual(("Perm", "1990-02-08"), (stored["location"], stored["dob"]))
        await tab.choose("Choose a picture", PICTURE)
        await tab.until("document.querySelector('img.avatar.big')?.naturalWidth > 0")

        await tab.shows(".list", "Boris")
        await tab.click("Unblock", ".list button")
        await tab.shows("section", "You block nobody.")
        await tab.click("Ask for a copy", "button")
        await tab.shows("a.button", "Download your data")
        url = await tab.run("return find('a.button', 'Download').getAttribute('href')")
        self.assertEqual(200, (await request(self.daemon.http, "HEAD", url)).status)
        await self.look(tab, "me")

        await tab.click("Delete account", "button.grave")
        await tab.click("Send a key", ".sheet button")
        await tab.shows(".sheet blockquote", "Your JustChat key")
        await tab.fill("Key", "1")
        await tab.click("Delete my account", ".sheet button")
        await tab.shows(".sheet .notice", "This key is wrong.")
        await self.look(tab, "delete")
        (key,) = re.findall(r"\d{4,}", last_sms(self.daemon, anna.phone))
        await tab.fill("Key", key)
        await tab.click("Delete my account", ".sheet button")
        await tab.shows(".notice", "Your account will be deleted on")
        await tab.shows("h1", "Sign in")
        await self.look(tab, "sign-in")
        self.assertEqual(404, (await boris.call("/init/getUser", user_id=anna.id)).status)

        back = await call(self.daemon.http, "/init/auth", {"phone": anna.phone, "key": key})
        self.assertEqual(anna.id, back.data["user"]["_id"])
        self.assertEqual(200, (await boris.call("/init/getUser", user_id=anna.id)).status)

    async def test_without_the_app(self) -> None:
        """The page asks for a phone, for the key of an SMS, and once more; it can be left without a deletion."""
        boris = await a_person(self.daemon)
        phone = a_phone()
        await call(self.daemon.http, "/init/reg", {"phone": phone, "nickname": "Anna <b>"})
        tab = await self.tab(path="/")
        self.assertEqual("/account/delete", await tab.run("return new URL(find('a', 'Delete account').href).pathname"))
        await tab.go("/account/delete")
        await tab.shows("h1", "Delete account")
        await self.look(tab, "account-delete")
        await tab.fill("Phone number", "12")
        await tab.click("Send me a key")
        await tab.shows("p.wrong", "Something is missing or wrong")

        for answer in ("Keep it", "Delete my account"):
            await tab.go("/account/delete")
            await tab.fill("Phone number", f"+{phone}")
            await tab.click("Send me a key")
            await tab.shows("blockquote", "Your JustChat key")
            await tab.fill("Key", "1")
            await tab.click("Next")
            await tab.shows("p.wrong", "This key is wrong.")
            (key,) = re.findall(r"\d{4,}", last_sms(self.daemon, phone))
            await tab.fill("Key", key)
            await tab.click("Next")
            await tab.shows("p", "Delete the account of Anna <b>?")
            user = (await call(self.daemon.http, "/init/auth", {"phone": phone, "key": key})).data["user"]["_id"]
            await tab.click(answer)
            if answer == "Keep it":
                await tab.shows("p", "Nothing is deleted.")
                self.assertEqual(200, (await boris.call("/init/getUser", user_id=user)).status)
        await tab.shows("p", "Your account will be deleted on")
        await self.look(tab, "account-deleted")
        self.assertEqual(404, (await boris.call("/init/getUser", user_id=user)).status)
        self.assertEqual("null", await tab.run("return String(localStorage['justchat.session'] ?? null)"))

    async def test_without_the_app_in_russian(self) -> None:
        tab = await self.tab(path="/account/delete", language="ru")
        await tab.shows("h1", "Удалить учётную запись")
