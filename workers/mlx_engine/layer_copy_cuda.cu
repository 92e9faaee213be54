// Copy some tokens of one sequence's keys and values, in many layers, into arrays of their own.
//
// where: first token, tokens. Blocks: (pieces of a head, KV heads, keys and values of each layer).
//
// Template: T, D (head width). D * sizeof(T) is a multiple of 16. What is written is contiguous.

constexpr int WIDTH = 16 / sizeof(T);
constexpr int PIECES = D / WIDTH;

T* into = nullptr;
const T* of = nullptr;
POINTERS
const Strides& of_strides = blockIdx.z % 2 == 1 ? of_values0_strides : of_keys0_strides;
const int tokens = where[1];
into += blockIdx.y * tokens * D;
of += blockIdx.y * of_strides[1] + where[0] * of_strides[2];

for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < tokens * PIECES; i += gridDim.x * blockDim.x) {
  const int token = i / PIECES, piece = i % PIECES;
  reinterpret_cast<uint4*>(into)[i] = *reinterpret_cast<const uint4*>(of + token * of_strides[2] + piece * WIDTH);
}
