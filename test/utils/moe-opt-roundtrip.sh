#!/bin/sh
# moe-opt that also prints what it parsed and parses it again; the tests' moe-opt
# with MOE_CHECK_ROUNDTRIP=1.
case " $* " in
*verify-roundtrip* | *" --help"* | *" --show-dialects "*) exec moe-opt "$@" ;;
*) exec moe-opt --verify-roundtrip "$@" ;;
esac
