"""`python -m core COMMAND`: the same as `hookloom COMMAND`."""

import sys

if __name__ == "__main__":
    from core.cli.main import main

    sys.exit(main())
