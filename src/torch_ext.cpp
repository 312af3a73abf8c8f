// What tch lacks. Tracing a function with several outputs into a module whose tensors are buffers, so that Python gets
// a tuple and `.to(device)` moves everything; calling a scripted function, also within a trace; how memory is kept; what
// operations take; autocast on any device.
// Compiled against the same libtorch as torch-sys.
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <ATen/autocast_mode.h>
#include <ATen/cpu/Utils.h>
#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/fixup_trace_scope_blocks.h>
#include <torch/csrc/jit/passes/normalize_ops.h>
#include <torch/jit.h>
#include <torch/script.h>

namespace jit = torch::jit;

namespace {

// Replaces every tensor that the trace took as a constant by a buffer of the module.
void constants_to_buffers(jit::Module &module, jit::Graph &graph, jit::Value *self) {
  std::vector<jit::Node *> constants;
  for (jit::Node *node : graph.nodes()) {
    if (node->kind() == c10::prim::Constant && node->hasAttribute(c10::attr::value) &&
        node->kindOf(c10::attr::value) == jit::AttributeKind::t) {
      constants.push_back(node);
    }
  }
  for (size_t i = 0; i < constants.size(); ++i) {
    jit::Node *node = constants[i];
    const std::string name = "constant_" + std::to_string(i);
    module.register_buffer(name, node->t(c10::attr::value).detach());
    jit::WithInsertPoint guard(node);
    jit::Value *buffer = graph.insertGetAttr(self, name);
    node->output()->replaceAllUsesWith(buffer);
    node->destroy();
  }
}

// A device that the trace took down is the example's. `to` without one keeps its input's; any other operation
// would make a tensor there, wherever the module and its input are.
void forget_devices(jit::Graph &graph) {
  const size_t device = 3; // to(self, dtype, layout, device, ...)
  for (jit::Node *node : graph.nodes()) {
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      if (node->input(i)->type()->kind() != c10::TypeKind::DeviceObjType) continue;
      if (node->kind() != c10::aten::to || i != device) {
        throw std::runtime_error(std::string(node->kind().toQualString()) +
                                 " names a device; make the tensor from the input instead");
      }
      jit::WithInsertPoint guard(node);
      node->replaceInput(i, graph.insertConstant(c10::IValue()));
    }
  }
}

// What autocast was on this thread before it was begun.
struct Before {
  c10::DeviceType device;
  bool enabled;
  at::ScalarType type;
  bool cache;
};

template <class F> char *guarded(F body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception &error) {
    jit::tracer::abandon();
    return strdup(error.what());
  }
}

// Multiply-adds of one operation on the CPU: of convolutions and products of matrices, the rest counts nothing.
int64_t macs_of(const char *name, c10::ArrayRef<const c10::IValue> inputs) {
  const auto size = [&](size_t input, int64_t axis) { return inputs[input].toTensor().size(axis); };
  const std::string operation = name;
  if (operation == "aten::mm") return size(0, 0) * size(0, 1) * size(1, 1);
  if (operation == "aten::addmm") return size(1, 0) * size(1, 1) * size(2, 1);
  if (operation == "aten::bmm") return size(0, 0) * size(0, 1) * size(0, 2) * size(1, 2);
  if (operation == "aten::baddbmm") return size(1, 0) * size(1, 1) * size(1, 2) * size(2, 2);
  if (operation != "aten::convolution") return 0;
  const torch::Tensor &input = inputs[0].toTensor(), &weight = inputs[1].toTensor();
  const auto stride = inputs[3].toIntVector(), padding = inputs[4].toIntVector(), dilation = inputs[5].toIntVector();
  int64_t outputs = input.size(0);
  // One number may stand for all axes.
  const auto along = [](const std::vector<int64_t> &numbers, size_t axis) { return numbers[std::min(axis, numbers.size() - 1)]; };
  for (int64_t axis = 0; axis + 2 < input.dim(); ++axis) {
    const int64_t covered = along(dilation, axis) * (weight.size(axis + 2) - 1) + 1;
    outputs *= (input.size(axis + 2) + 2 * along(padding, axis) - covered) / along(stride, axis) + 1;
  }
  return outputs * weight.numel();
}

// What was taken on this thread since it was made: multiply-adds, and memory that was not given back.
struct Measured final : c10::MemoryReportingInfoBase {
  int64_t macs = 0;
  int64_t bytes = 0;
  void reportMemoryUsage(void *, int64_t size, size_t, size_t, c10::Device device) override {
    if (device.is_cpu()) bytes += size;
  }
  bool memoryProfilingEnabled() const override { return true; }
};

struct Measurement {
  std::shared_ptr<Measured> measured = std::make_shared<Measured>();
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, measured};
  at::CallbackHandle callback = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction &function) -> std::unique_ptr<at::ObserverContext> {
        auto *info = c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE);
        if (auto *measured = dynamic_cast<Measured *>(info)) measured->macs += macs_of(function.name(), function.inputs());
        return nullptr;
      }).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  ~Measurement() { at::removeCallback(callback); }
};

} // namespace

extern "C" {

// Begins to measure what this thread takes.
void *at2seld_measure_begin() { return new Measurement(); }

// Ends it.
void at2seld_measure_end(void *measurement, int64_t *macs, int64_t *bytes) {
  std::unique_ptr<Measurement> ended(static_cast<Measurement *>(measurement));
  *macs = ended->measured->macs;
  *bytes = ended->measured->bytes;
}

// Starts tracing on this thread. Returns null, or what went wrong (to be freed with free).
char *at2seld_trace_begin(const char *module_name, const torch::Tensor *input, void **module) {
  return guarded([&] {
    if (jit::tracer::isTracing()) throw std::runtime_error("cannot nest tracing calls");
    auto traced = std::make_unique<jit::Module>(module_name);
    auto state = std::make_shared<jit::tracer::TracingState>();
    jit::tracer::setTracingState(state);
    state->graph->insertInput(0, "self")->setType(traced->_ivalue()->type());
    jit::Value *value = state->graph->addInput();
    value->setType(jit::TensorType::get());
    state->setValue(*input, value);
    *module = traced.release();
  });
}

// Ends tracing: writes a module that returns the outputs as a tuple. The module is freed in any case.
char *at2seld_trace_end(void *module, const torch::Tensor *const *outputs, size_t count, const char *path) {
  std::unique_ptr<jit::Module> traced(static_cast<jit::Module *>(module));
  return guarded([&] {
    auto state = jit::tracer::getTracingState();
    if (!state) throw std::runtime_error("not in tracing mode");
    std::vector<jit::Value *> values;
    for (size_t i = 0; i < count; ++i) values.push_back(state->getOutput(*outputs[i], i));
    auto &graph = state->graph;
    graph->registerOutput(graph->insertNode(graph->createTuple(values))->output());
    jit::FixupTraceScopeBlocks(graph, traced.get());
    jit::NormalizeOps(graph);
    jit::tracer::setTracingState(nullptr);
    constants_to_buffers(*traced, *graph, graph->inputs()[0]);
    forget_devices(*graph);
    auto *function = traced->_ivalue()->compilation_unit()->create_function("forward", graph);
    traced->type()->addMethod(function);
    traced->save(path);
  });
}

// Gives up tracing after at2seld_trace_begin.
void at2seld_trace_abandon(void *module) {
  jit::tracer::abandon();
  delete static_cast<jit::Module *>(module);
}

// Compiles TorchScript. Returns null, or what went wrong (to be freed with at2seld_free).
char *at2seld_script_compile(const char *source, void **unit) {
  return guarded([&] { *unit = new std::shared_ptr<jit::CompilationUnit>(jit::compile(source)); });
}

// Calls a function of one tensor that returns one. Within a trace, its graph goes into the trace with its loops.
char *at2seld_script_call(void *unit, const char *name, const torch::Tensor *input, void **output) {
  try {
    auto state = jit::tracer::getTracingState();
    jit::Function &function = (*static_cast<std::shared_ptr<jit::CompilationUnit> *>(unit))->get_function(name);
    jit::Stack stack{*input};
    // Run outside of the trace, which gets the graph instead of what one run did.
    jit::tracer::setTracingState(nullptr);
    try {
      function.run(stack);
    } catch (...) {
      jit::tracer::setTracingState(state);
      throw;
    }
    jit::tracer::setTracingState(state);
    torch::Tensor result = jit::pop(stack).toTensor();
    if (state) {
      auto values = jit::insertGraph(*state->graph, *jit::toGraphFunction(function).graph(), {state->getValue(*input)});
      state->setValue(result, values.at(0));
    }
    *output = new torch::Tensor(result);
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  }
}

// Frees what at2seld_script_compile made.
void at2seld_script_free(void *unit) { delete static_cast<std::shared_ptr<jit::CompilationUnit> *>(unit); }

// No block gets a mapping of its own, and the heap is not trimmed.
void at2seld_keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

// Begins bfloat16 autocast on this thread, with its cache of weights. Returns what it was before.
void *at2seld_autocast_begin(bool cuda) {
  const auto device = cuda ? c10::DeviceType::CUDA : c10::DeviceType::CPU;
  auto *before = new Before{device, at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device),
                            at::autocast::is_autocast_cache_enabled()};
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_cache_enabled(true);
  at::autocast::increment_nesting();
  return before;
}

// Ends what at2seld_autocast_begin began, on the same thread.
void at2seld_autocast_end(void *state) {
  std::unique_ptr<Before> before(static_cast<Before *>(state));
  // The cache holds copies of weights that the next step changes.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(before->device, before->enabled);
  at::autocast::set_autocast_dtype(before->device, before->type);
  at::autocast::set_autocast_cache_enabled(before->cache);
}

// Whether the processor has an instruction set, by libtorch's name for it.
bool at2seld_cpu_has(const char *name) {
  try {
    const auto all = at::cpu::get_cpu_capabilities();
    const auto found = all.find(name);
    return found != all.end() && found->second.isBool() && found->second.toBool();
  } catch (const std::exception &) {
    return false;
  }
}

// Frees a message.
void at2seld_free(char *message) { free(message); }
}
