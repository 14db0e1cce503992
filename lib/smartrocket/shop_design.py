"""The measures of a generated shop, apart from the generator, which takes a while to load."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class ShopDesign(BaseModel):
    """The measures of a generated shop. The defaults make the sample shop: small and busy."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(7, ge=0, lt=2**63, description="Number that fixes every random choice.")
    start: datetime = Field(
        datetime(2015, 5, 3, 3, 0, 4),
        description="First moment of the log, in UTC; a part of a day is usual.",
    )
    days: int = Field(138, ge=15, le=3660, description="Length of the log in days of 24 hours.")
    visitors: int = Field(
        50_000, ge=100, le=1_000_000_000, description="Number of visitors; events grow in proportion."
    )
    items: int = Field(3_000, ge=50, le=100_000_000, description="Number of items that visitors see.")
    unvisited_items: int = Field(
        400, ge=0, le=100_000_000, description="Further items that have properties but no event."
    )
    categories: int = Field(150, ge=12, le=1_000_000, description="Number of rows of the category tree.")
    engagement: float = Field(
        1.5, gt=0, le=5, description="Sessions a visitor and events a session, relative to RetailRocket."
    )
    conversion: float = Field(
        6.0, gt=0, le=10, description="Chance that a view leads to an add to cart, relative to RetailRocket."
    )
    joint_purchases: float = Field(
        1.0, ge=0, le=1, description="Share of the purchases in a row that belong to one transaction."
    )
    popularity_spread: float = Field(
        1.5, ge=0, le=3, description="Standard deviation of the logarithm of item popularity."
    )
    price_changes: float = Field(0.5, ge=0, le=1, description="Share of items whose price changes.")
    described_items: float = Field(0.788, ge=0, le=1, description="Share of the visited items that have properties.")
    property_names: int = Field(200, ge=12, le=1_000_000, description="Number of different property names.")
    properties_per_item: float = Field(
        12.0, ge=0, le=200, description="Mean number of rarer properties of an item, beside the common ones."
    )
    duplicate_share: float = Field(
        0.0002, ge=0, le=0.1, description="Exact duplicate rows for each row of the event file."
    )
    bots: int = Field(
        3, ge=0, le=1_000_000, description="Number of days on which an automatic visitor clicks over 200 times."
    )
    learnable: bool = Field(
        True, description="Whether sequences and sales follow patterns; otherwise both are pure noise."
    )


def retailrocket_design(scale: float = 1.0) -> ShopDesign:
    """Return the design of a shop of RetailRocket's size and rates, or of a share or multiple of that size.

    `scale` (above 0) multiplies the visitors, the items, the categories and the bots, and so the rows of every
    file; the length of the log and all rates stay. At 1 the shop has about 2.75 million events and 20 million
    property rows. Raises a pydantic ValidationError where the scale leaves fewer than 100 visitors.
    """
    return ShopDesign(
        visitors=round(1_407_580 * scale),
        items=max(50, round(235_061 * scale)),
        unvisited_items=round(231_807 * scale),
        categories=max(12, round(1_669 * scale)),
        engagement=1.0,
        conversion=1.0,
        joint_purchases=0.75,
        popularity_spread=2.4,
        price_changes=0.25,
        property_names=1_104,
        properties_per_item=28.5,
        duplicate_share=1.67e-4,
        bots=max(1, round(29 * scale)),
    )
