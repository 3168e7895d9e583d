"""`python -m stylecam` is the `stylecam` command."""

from stylecam.cli import main

if __name__ == "__main__":
    main()
