from generators.commands.cli import main

main()
