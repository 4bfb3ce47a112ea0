"""``python -m appliance.cli``: the same as ``fieldbox``."""

from appliance.cli.main import main

main()
