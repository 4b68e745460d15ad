// SPDX-License-Identifier: Apache-2.0
// The yardstick of scripts/bench_process: the same libraries, no work.
int main() { return 0; }
