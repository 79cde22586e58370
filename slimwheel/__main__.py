"""`python -m slimwheel`: the command line of the interpreter that runs it, wherever PATH leads."""

from slimwheel.cli import main

main()
