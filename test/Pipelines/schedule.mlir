// The passes of phases `policy` and `schedule`, pinned: a pass that comes twice or
// goes missing changes this text.
// DEFINE: %{policy} = moe-opt %s -o /dev/null --dump-pass-pipeline --moe-policy-pipeline
// DEFINE: %{schedule} = moe-opt %s -o /dev/null --dump-pass-pipeline --moe-schedule-pipeline

// RUN: %{policy} 2>&1 | FileCheck %s --check-prefix=POLICY
// POLICY:      moe.model(
// POLICY-NEXT:   sched-insert-fetches{{.*}}policy=lrfu
// POLICY-NEXT: )

// RUN: %{policy}='predictor=pattern trace=%t memory-budget=25%% cache-policy=arc prefetch-count=3 device-profile=a100' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=GUESSED
// GUESSED:      moe.model(
// GUESSED-NEXT:   sched-insert-fetches{{.*}}budget=25%{{.*}}policy=arc
// GUESSED-NEXT:   sched-insert-prefetch{{.*}}count=3 predictor=pattern
// GUESSED-NEXT:   sched-drop-unprofitable{{.*}}budget=25% count=3 profile=a100
// GUESSED-NEXT:   moe-drop-unused-weights
// GUESSED-NEXT: )

// Nobody guesses: the estimate is of what is fetched on demand.
// RUN: %{policy}='trace=%t memory-budget=64M' 2>&1 | FileCheck %s --check-prefix=DEMAND
// DEMAND:      moe.model(
// DEMAND-NEXT:   sched-insert-fetches
// DEMAND-NEXT:   sched-drop-unprofitable{{.*}}profile=cpu-nvme
// DEMAND-NEXT: )

// RUN: %{schedule} 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: %{schedule}='trace=%t memory-budget=64M' 2>&1 | FileCheck %s --check-prefixes=SCHEDULE,PARTITION
// SCHEDULE:       moe.model(
// PARTITION-NEXT:   sched-partition-cache{trace={{.*}}}
// SCHEDULE-NEXT:    sched-hoist-prefetch
// SCHEDULE-NEXT:    sched-launch-early
// SCHEDULE-NEXT:  )

// Where a backend takes all experts from memory, there is nothing to run.
// RUN: %{policy}=target=null 2>&1 | FileCheck %s --check-prefix=NULL
// RUN: %{schedule}=target=null 2>&1 | FileCheck %s --check-prefix=NULL
// NULL-NOT: sched

// Running them twice changes nothing more.
// DEFINE: %{both} = --moe-policy-pipeline --moe-schedule-pipeline
// RUN: moe-opt %S/../Tools/moe-compile/Inputs/tiny.mlir %{both} >%t.once
// RUN: moe-opt %t.once %{both} >%t.twice
// RUN: cmp %t.once %t.twice
// RUN: FileCheck %s --check-prefix=ONCE <%t.once
// ONCE: sched.cache
// ONCE: sched.launch
