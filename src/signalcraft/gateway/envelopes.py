"""The answers of the administration's routes, in the envelope that the old server had."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Content = TypeVar("Content")


class Data(BaseModel, Generic[Content]):
    """`{success, data, message?}`."""

    success: Literal[True] = True
    data: Content
    message: str | None = None


class Items(BaseModel, Generic[Content]):
    """One page of a list."""

    items: list[Content]
    total: int = Field(description="How many there are on all pages.")
    page: int
    per_page: int


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=200)] = 50

    @property
    def offset(self) -> int:
        """How many rows are on the pages before."""
        return (self.page - 1) * self.per_page

    def of(self, items: list[Content], total: int) -> Data[Items[Content]]:
        """The answer with this page's items."""
        return Data(data=Items(items=items, total=total, page=self.page, per_page=self.per_page))
