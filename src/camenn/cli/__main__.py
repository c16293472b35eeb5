"""`python -m camenn.cli`."""

from camenn.cli import main

if __name__ == "__main__":  # a process that is spawned imports this file again
    main()
