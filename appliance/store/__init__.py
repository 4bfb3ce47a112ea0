"""The store: peewee lives here and nowhere else."""

from appliance.store.database import Store, Tx, open_store
from appliance.store.dialect import StoreError

__all__ = ["Store", "StoreError", "Tx", "open_store"]
