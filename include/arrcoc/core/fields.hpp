#pragma once
// The fields of a flat aggregate, with their names. Boost.PFR names fields from 1.84 on; below, the name is cut from
// the compiler's spelling of a pointer to the field.
#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <boost/version.hpp>
#include <string_view>
#include <type_traits>
#include <utility>
#if BOOST_VERSION >= 108400
#include <boost/pfr/core_name.hpp>
#endif

namespace arrcoc {

namespace detail {
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
template <class T>
struct Outside {
  T value;
};
template <class T>
extern const Outside<T> outside;  // never defined: only addresses inside it are named
template <class P>
struct Pointed {
  P pointer;
};
template <class P>
Pointed(P) -> Pointed<P>;

template <auto P>
consteval std::string_view spelled() {
  return __PRETTY_FUNCTION__;
}

/// The identifier before the last '}': "... Pointed<const int*>{(& outside<A>.Outside<A>::value.A::x)}", "...
/// {&outside.value.x}]".
template <class T, std::size_t I>
consteval std::string_view spelled_field() {
  const std::string_view all = spelled<Pointed{&boost::pfr::get<I>(outside<T>.value)}>();
  const auto word = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::size_t end = all.rfind('}');
  while (end > 0 && !word(all[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && word(all[begin - 1])) --begin;
  return all.substr(begin, end - begin);
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <class T, std::size_t I>
consteval std::string_view field_name() {
#if BOOST_VERSION >= 108400
  return boost::pfr::get_name<I, T>();
#else
  return spelled_field<T, I>();
#endif
}
}  // namespace detail

/// f(std::string_view name, field&), in declaration order.
template <class Config, class F>
constexpr void for_each_field(Config& config, F&& f) {
  using Plain = std::remove_const_t<Config>;
  static_assert(std::is_aggregate_v<Plain>,
                "config: settings are a flat aggregate, without constructors or private members");
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (f(detail::field_name<Plain, I>(), boost::pfr::get<I>(config)), ...);
  }
  (std::make_index_sequence<boost::pfr::tuple_size_v<Plain>>{});
}

}  // namespace arrcoc
