#pragma once
// The vocabulary of the scenes.
#include <array>
#include <string_view>

namespace arrcoc::scenes {
inline constexpr std::array<std::string_view, 40> goods{
    "tea",    "coffee", "bread",  "milk",   "cake",   "soup",   "juice",  "apple",  "salad",  "rice",
    "pasta",  "eggs",   "honey",  "cocoa",  "toast",  "bagel",  "muffin", "butter", "cheese", "water",
    "lemon",  "melon",  "grapes", "olives", "onion",  "pepper", "potato", "tomato", "yogurt", "walnut",
    "candle", "soap",   "paper",  "pencil", "stamps", "ribbon", "basket", "bottle", "napkin", "ticket"};
inline constexpr std::array<std::string_view, 24> shops{
    "ALBA", "BRIO", "CORA", "DELI", "ECHO", "FARO", "GALA", "HUGO",  "IRIS",  "JUNO", "KIWI", "LUNA",
    "MOKA", "NOVA", "OPAL", "PICO", "QUIN", "RIVA", "SOLE", "TERRA", "UMBRA", "VITA", "WREN", "ZETA"};
inline constexpr std::array<std::string_view, 20> illnesses{
    "asthma",   "flu",      "measles", "angina", "anemia",  "gout",    "eczema", "mumps", "sepsis",  "croup",
    "fracture", "migraine", "otitis",  "rabies", "scabies", "tetanus", "typhus", "ulcer", "vertigo", "zoster"};
inline constexpr std::array<std::string_view, 20> surnames{
    "Abbot", "Baker", "Clark", "Davis", "Evans", "Ford",  "Gray",  "Hall", "Irwin", "Jones",
    "King",  "Lewis", "Moore", "Nolan", "Owens", "Price", "Quinn", "Reed", "Smith", "Young"};
inline constexpr std::array<std::string_view, 16> mottos{
    "go far",   "be kind", "stay wild", "eat more", "read on", "no fear", "think", "breathe",
    "run fast", "dream",   "play",      "listen",   "hello",   "peace",   "enjoy", "wake up"};
inline constexpr std::array<std::string_view, 24> plain_words{
    "the",    "parties", "agree", "that",  "notice", "shall", "be",   "given", "within", "days", "of", "any",
    "change", "to",      "this",  "order", "and",    "each",  "side", "may",   "end",    "it",   "in", "writing"};
inline constexpr std::array<std::string_view, 4> tiles{"key", "cup", "leaf", "moon"};
}  // namespace arrcoc::scenes
