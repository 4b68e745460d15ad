// SPDX-License-Identifier: Apache-2.0
// A driver library with two cards, an H200 and an RTX 4090, for tests without either.
#include <cstdio>

namespace {
int kCards[2] = {0, 1};
bool is_h200(void* device) { return device == &kCards[0]; }
int give(unsigned* out, unsigned value) {
  *out = value;
  return 0;
}
constexpr unsigned long long kMiB = 1ULL << 20;
}  // namespace

extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "580.95.05");
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) { return give(count, 2); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = &kCards[index];
  return 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  std::snprintf(text, size, "%s", is_h200(device) ? "NVIDIA H200" : "NVIDIA GeForce RTX 4090");
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* memory) {  // total, free, used
  memory[0] = (is_h200(device) ? 143771 : 24564) * kMiB;
  memory[2] = is_h200(device) ? 2048 * kMiB : 0;
  memory[1] = memory[0] - memory[2];
  return 0;
}
int nvmlDeviceGetMemoryBusWidth(void* device, unsigned* bits) { return give(bits, is_h200(device) ? 6144 : 384); }
int nvmlDeviceGetMaxClockInfo(void* device, unsigned, unsigned* mhz) {
  return give(mhz, is_h200(device) ? 3201 : 10501);
}
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* mw) { return give(mw, is_h200(device) ? 700000 : 450000); }
int nvmlDeviceGetMaxPcieLinkGeneration(void* device, unsigned* value) { return give(value, is_h200(device) ? 5 : 4); }
int nvmlDeviceGetMaxPcieLinkWidth(void*, unsigned* value) { return give(value, 16); }
int nvmlDeviceGetNvLinkState(void* device, unsigned, unsigned* state) {
  if (!is_h200(device)) return 3;  // not supported
  return give(state, 1);
}
}
