from forkcost.cli import main

main(prog_name="forkcost")
