#pragma once
// What a strategy may look at, and how it says what it needs.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/core/request.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Box-integrated features of each token's place: values is [N, C], one row per token.
struct Textures {
  std::vector<std::string> channels;  // [C] names
  std::vector<float> values;          // [N, C]

  Index channel_count() const { return static_cast<Index>(channels.size()); }
  Index count() const { return channels.empty() ? 0 : static_cast<Index>(values.size()) / channel_count(); }
  /// Column of a named channel; throws Error{missing_evidence} if there is none.
  Index channel(std::string_view name) const {
    const auto it = std::find(channels.begin(), channels.end(), name);
    require_that(it != channels.end(), Code::missing_evidence, "textures", [&] {
      std::string known;
      for (const std::string& c : channels) (known += known.empty() ? "" : ", ") += c;
      return "no channel named '" + std::string(name) + "': expected one of " + known;
    });
    return it - channels.begin();
  }
  float at(Index token, Index channel) const {
    return values[static_cast<std::size_t>(token * channel_count() + channel)];
  }
};

/// Kinds of evidence. hidden to received are answers to requests, of the tower or of a layer; previous_attention is
/// what the answer of an earlier look looked at; asked is the question as text; size is a picture's without its pixels,
/// which a clip has too: who asks for it beside boxes reads the frame of each.
namespace Need {
inline constexpr unsigned none = 0, rgb = 1, textures = 2, vision = 4, deepstack = 8, query = 16, question = 32,
                          similarity = 64, previous = 128, boxes = 256, hidden = 512, q = 1024, k = 2048, v = 4096,
                          received = 8192, previous_attention = 16384, asked = 32768, size = 65536;
inline constexpr unsigned features = vision | deepstack | query | question | similarity;
inline constexpr unsigned answers = hidden | q | k | v | received;
/// The kind that a request is of.
constexpr unsigned of(Request::What w) { return hidden << static_cast<unsigned>(w); }
}  // namespace Need

/// What a type may ask at all, and the earliest phase at which it can decide. What this instance asks of the model's
/// inside is `std::vector<Request> needs() const`, where a stage has it.
struct Needs {
  Phase phase = Phase::pixels;
  unsigned evidence = Need::none;  // Need bits
  constexpr Needs operator|(Needs o) const { return {std::max(phase, o.phase), evidence | o.evidence}; }
  bool operator==(const Needs&) const = default;
};

/// Evidence that was asked for; reading what is not there is Error{missing_evidence}.
template <class T>
class Given {
 public:
  explicit Given(std::string_view what) : what_(what) {}
  Given& operator=(T value) { return value_ = std::make_shared<const T>(std::move(value)), *this; }
  Given& operator=(std::shared_ptr<const T> value) { return value_ = std::move(value), *this; }
  /// Does not own: `value` must outlive this.
  Given& operator=(const T* value) { return value_ = std::shared_ptr<const T>(std::shared_ptr<void>{}, value), *this; }
  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const {
    require_that(value_ != nullptr, Code::missing_evidence, what_,
                 "a stage reads this evidence, but nobody asked for it or there is none");
    return *static_cast<const T*>(value_.get());
  }
  const T* operator->() const { return &**this; }

 private:
  std::string_view what_;
  std::shared_ptr<const void> value_;  // a T; one kind of pointer for all, which is less to compile
};

/// Cosine similarity of living tokens, row by row or several at a time (core/similarity.hpp).
struct SimilarityRows {
  virtual ~SimilarityRows() = default;
  virtual Index count() const = 0;                                // N
  virtual void row(Index token, std::span<float> out) const = 0;  // out [N], in [-1, 1]
  /// Cosines of each of `tokens` with each of `among`, the bits of row(): out [tokens, among].
  virtual void block(std::span<const Index> tokens, std::span<const Index> among, std::span<float> out) const {
    std::vector<float> all(static_cast<std::size_t>(count()));
    auto to = out.begin();
    for (const Index t : tokens) {
      row(t, all);
      for (const Index o : among) *to++ = all[static_cast<std::size_t>(o)];
    }
  }
  /// row() of each of `tokens`: out [tokens, N].
  virtual void rows(std::span<const Index> tokens, std::span<float> out) const {
    const auto n = static_cast<std::size_t>(count());
    for (std::size_t i = 0; i < tokens.size(); ++i) row(tokens[i], out.subspan(i * n, n));
  }
};

/// An earlier look at the same picture: a pass, or a frame. Matched by overlap of area (primitives/overlap.hpp), never
/// by index. As evidence its places are in tokens of the grid of now.
struct Look {
  TokenSet tokens;
  std::vector<float> relevance;    // [its N]
  std::vector<Index> kept;         // of its N
  std::vector<float> attention{};  // [its N] share that the rows of its answer paid; empty: it did not answer
  double probability = 0;          // mean of its answer's tokens; 0: it did not answer
};

/// One picture of one question. Only what the pipeline's stages asked for is filled in.
struct Evidence {
  TokenSet tokens;                                               // who is alive: N = tokens.count()
  Given<ImageView> rgb{"pixels"};                                // native
  Given<FrameSize> size{"the picture's size"};                   // native
  Given<Textures> textures{"textures"};                          // [N, C]
  Given<HostTensor> vision{"vision embeddings"};                 // [N, D] merged, f32
  Given<std::vector<HostTensor>> deepstack{"DeepStack levels"};  // per level [N, D], f32
  Given<HostTensor> query{"query embedding"};                    // [D] f32
  Given<HostTensor> question{"question embeddings"};             // [Q, D] f32, a row a token (encoder `words`: a word)
  Given<SimilarityRows> similarity{"similarity"};                // of the vision embeddings
  Given<std::string> asked{"the question's text"};               // the user's own words; of the question that scores
  Given<Look> previous{"an earlier look"};
  Given<std::vector<Box>> boxes{"answer boxes"};  // native pixels (data with known answers only: the oracle)
  std::vector<Answered> answers;

  Index count() const { return tokens.count(); }
  /// The answer to a request of this instance. Error{missing_evidence} when it was not asked.
  const HostTensor& answer(const Request& r) const {
    const auto it = std::find_if(answers.begin(), answers.end(), [&](const Answered& a) { return a.request == r; });
    require_that(it != answers.end(), Code::missing_evidence, "evidence",
                 [&] { return text_of(r) + ": a stage reads this answer, but did not ask for it"; });
    return it->values;
  }
};

}  // namespace arrcoc
