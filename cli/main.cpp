#include "cli/cli.hpp"
#include "emu/machine/run.hpp"

int main(int argc, char** argv) { return mint::cli_main(argc, argv, mint::run_scenario); }
