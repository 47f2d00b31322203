"""Applies settings to a daemon that runs.

What users can do is made of frozen values, without a state of their own, on the stores. So the actions are made anew by
the new settings, and each call gets its new handler; a call that has begun ends by the old one.
"""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from justchat.actions.word_filter import WordFilter
from justchat.config.settings import Settings
from justchat.http.dispatcher import Dispatcher
from justchat.http.endpoint import Endpoint
from justchat.http.fields import FieldContext
from justchat.interfaces.tokens import ITokens
from justchat.model.word_list import WordList
from justchat.wiring.actions import Actions
from justchat.wiring.endpoints import make_endpoints, rates_of
from justchat.wiring.outbound import make_before_message, make_captcha, make_sms_sender, make_tokens
from justchat.wiring.stores import Stores
from justchat.wiring.transports import Transports

MakeActions = Callable[..., Actions]
"""``make_actions``, with all that a reload keeps."""


class LiveSettings:
    """The parts of a daemon that settings can be applied to while it runs. ``generated_key`` signs top-ups where the
    settings have no key.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        stores: Stores,
        actions: Actions,
        make_actions: MakeActions,
        endpoints: list[Endpoint],
        transports: Transports,
        words: WordFilter,
        tokens: ITokens,
        generated_key: Callable[[], str],
        reactor: Any,
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._actions = actions
        self._make_actions = make_actions
        self._endpoints = endpoints
        self._transports = transports
        self._words = words
        self._tokens = tokens
        self._generated_key = generated_key
        self._reactor = reactor

    def apply(self, settings: Settings, words: WordList | None) -> None:
        """Apply settings that were checked. All is made before anything is changed."""
        before, self._settings = self._settings, settings
        if before.auth.issuers != settings.auth.issuers:
            self._tokens = make_tokens(settings, self._reactor)
        actions = self._make_actions(
            settings,
            self._stores,
            words=self._words,
            sms=make_sms_sender(settings, self._reactor, self._stores.sms_counts),
            captcha=make_captcha(settings, self._reactor),
            tokens=self._tokens,
            before_message=make_before_message(settings, self._reactor),
            secret_key=settings.payments.secret_key or self._generated_key(),
        )
        actions = evolve(actions, exports=self._actions.exports)
        handlers = {endpoint.path: endpoint.handler for endpoint in make_endpoints(settings, actions)}
        self._words.words, self._words.action = words, settings.moderation.action
        for endpoint in self._endpoints:
            endpoint.handler = handlers[endpoint.path]
        actions.exports.per_user = settings.limits.rates(settings.limits.exports_per_user)
        self._actions = actions
        self._apply_limits(self._transports.dispatcher, settings)
        self._transports.sms_reports.change(
            {each.called: each.sender for each in settings.sms.senders}, settings.sms.report_secret
        )

    def _apply_limits(self, dispatcher: Dispatcher, settings: Settings) -> None:
        limits = settings.limits
        context = FieldContext(limits, settings.sms.region, frozenset(settings.sms.number_types))
        dispatcher.change(context, self._actions.server_keys)
        if dispatcher.rates is not None:
            dispatcher.rates.change(*rates_of(limits))
        self._transports.change_limits(limits)
