"""`python -m core.run CONFIG`: train from a config."""

import sys

if __name__ == "__main__":
    # Guarded: loader workers that are spawned import this module again.
    from core.cli.main import main

    sys.exit(main(["run", *sys.argv[1:]]))
