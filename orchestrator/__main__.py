"""The program: ``python -m orchestrator``, or ``room-orchestrator`` where it is installed."""

from orchestrator.cli.main import main

if __name__ == "__main__":
    main()
