"""Webhooks, which a repository has none of: somebody would have to be running to call them."""

from __future__ import annotations

from typing import Any, NoReturn

from mlflow.protos.databricks_pb2 import NOT_IMPLEMENTED
from mlflow.store.entities.paged_list import PagedList

from mreg.integrations.mlflow.errors import refuse


class NoWebhooks:
    """MLflow's methods for webhooks. Those of its base class raise NotImplementedError, which its server answers with
    an internal error and a traceback in its log."""

    def list_webhooks(self, max_results: int | None = None, page_token: str | None = None) -> PagedList[Any]:
        return PagedList([], None)

    def list_webhooks_by_event(
        self, event: Any, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Any]:
        """MLflow's server asks for them at each change."""
        return PagedList([], None)

    def create_webhook(self, *args: Any, **named: Any) -> NoReturn:
        refuse(
            "mreg: a repository has no webhooks: what has changed is told by `mreg history --since SEQ --json`",
            NOT_IMPLEMENTED,
        )

    get_webhook = update_webhook = delete_webhook = test_webhook = create_webhook
