"""mreg's errors as MLflow's, which have codes that clients and the REST API go by."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, NoReturn, ParamSpec, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
)

from mreg.values.errors import Conflict, InvalidInput, MregError, NotFound, Refused

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CODES: Final = (
    (InvalidInput, INVALID_PARAMETER_VALUE),
    (NotFound, RESOURCE_DOES_NOT_EXIST),
    (Conflict, INVALID_STATE),
    (Refused, INVALID_STATE),
)


def translated(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """`method`, with what mreg raises in it as MLflow's exceptions."""

    @functools.wraps(method)
    def translating(*args: _P.args, **named: _P.kwargs) -> _T:
        try:
            return method(*args, **named)
        except MregError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL_ERROR)
            raise MlflowException(f"mreg: {error}", code) from error
        except PermissionError as error:
            raise MlflowException(f"mreg: {error}", PERMISSION_DENIED) from error

    return translating


def refuse(message: str, code: int = INVALID_STATE) -> NoReturn:
    raise MlflowException(message, code)
