// Lines with bands as static SVG.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "arrcoc/core/config.hpp"
#include "arrcoc/sweep/report.hpp"
#include "sweep/report_parts.hpp"

namespace arrcoc {
namespace {

constexpr int colours = 6, markers = 7;
constexpr std::size_t crowd = 12;  // more lines than that show their bands when they are lit
constexpr double letter = 7;       // width of one at 11.5 px, at most, over a word

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", x);
  return text;
}

/// From data to the drawing, along one axis.
struct PlotAxis {
  double low = 0, high = 1, from = 0, to = 1;
  bool log = false;
  std::vector<double> ticks;
  double at(double v) const {
    const auto f = [&](double x) { return log ? std::log2(x) : x; };
    return from + (f(v) - f(low)) / (f(high) - f(low)) * (to - from);
  }
};

double nice_step(double span, int most) {
  const double raw = span / most, power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double m : {1.0, 2.0, 5.0})
    if (m * power >= raw * (1 - 1e-9)) return m * power;
  return 10 * power;
}

PlotAxis axis(double low, double high, double from, double to, bool may_log, int most_ticks) {
  PlotAxis a{low, high, from, to, false, {}};
  if (!(high > low)) {
    const double room = std::max(std::abs(low) * 0.1, 1e-6);
    a.low = low - room;
    a.high = high + room;
  }
  a.log = may_log && low > 0 && high / low > 3;
  if (a.log) {
    a.low = low / 1.08;
    a.high = high * 1.08;
    int powers = 0, step = 1;
    for (double t = std::exp2(std::ceil(std::log2(a.low))); t <= a.high; t *= 2) ++powers;
    while (powers / step > most_ticks) ++step;
    for (double t = std::exp2(std::ceil(std::log2(a.low))); t <= a.high; t *= std::exp2(step)) a.ticks.push_back(t);
    return a;
  }
  const double step = nice_step(a.high - a.low, most_ticks);
  a.low = std::floor(a.low / step + 1e-9) * step;
  a.high = std::ceil(a.high / step - 1e-9) * step;
  for (double t = a.low; t <= a.high + step / 2; t += step) a.ticks.push_back(std::abs(t) < step / 1e6 ? 0 : t);
  return a;
}

std::string tick_text(double t) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", t);
  return text;
}

/// Around (x, y), 4 px wide to each side.
std::string marker(int shape, double x, double y) {
  const auto path = [&](std::initializer_list<std::pair<double, double>> points) {
    std::string d;
    for (const auto& [dx, dy] : points) d += (d.empty() ? "M" : "L") + number(x + dx) + " " + number(y + dy);
    return "<path class=\"m\" d=\"" + d + "Z\"/>";
  };
  switch (shape) {
    case 0: return "<circle class=\"m\" cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"4\"/>";
    case 1: return path({{-3.6, -3.6}, {3.6, -3.6}, {3.6, 3.6}, {-3.6, 3.6}});
    case 2: return path({{0, -4.8}, {4.6, 3.4}, {-4.6, 3.4}});
    case 3: return path({{0, -5}, {5, 0}, {0, 5}, {-5, 0}});
    case 4: return path({{0, 4.8}, {4.6, -3.4}, {-4.6, -3.4}});
    case 5:
      return path({{-1.5, -4.5},
                   {1.5, -4.5},
                   {1.5, -1.5},
                   {4.5, -1.5},
                   {4.5, 1.5},
                   {1.5, 1.5},
                   {1.5, 4.5},
                   {-1.5, 4.5},
                   {-1.5, 1.5},
                   {-4.5, 1.5},
                   {-4.5, -1.5},
                   {-1.5, -1.5}});
    default: return path({{-4.8, 0}, {0, -3}, {4.8, 0}, {0, 3}});
  }
}

/// Colour, dash and marker of a series as classes and a shape: no two of the first 42 agree in all.
std::string classes(int look) {
  if (look == PlotSeries::random) return "n1";
  if (look == PlotSeries::oracle) return "n2";
  if (look == PlotSeries::whole) return "n3";
  return "c" + std::to_string(look % colours) + " d" + std::to_string((look / colours + look) % 4);
}
int shape_of(int look) { return look < 0 ? 0 : look % markers; }

std::string cut(const std::string& text, std::size_t most) {
  std::size_t at = 0, letters = 0;
  while (at < text.size() && letters < most) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80u) ++at;
    ++letters;
  }
  return at < text.size() ? text.substr(0, at) + "…" : text;
}

std::string text_at(double x, double y, const std::string& more, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\"" + more + ">" + html_text(text) + "</text>";
}

std::string key_line(const PlotSeries& s, double x, double y) {
  return "<path class=\"l\" d=\"M" + number(x) + " " + number(y) + "h26\"/>" + marker(shape_of(s.look), x + 13, y);
}

std::string shown_y(const Plot& plot, double y) {
  char text[32];
  if (plot.percent) std::snprintf(text, sizeof text, "%.1f %%", 100 * y);
  else std::snprintf(text, sizeof text, "%.3f", y);
  return text;
}

constexpr std::string_view style_alone = R"(<style>
svg{font:11.5px system-ui,sans-serif;fill:#222}
.paper{fill:#fff}.axis,.grid{stroke:#888;fill:none}.grid{stroke:#e2e2e2}.name{font-weight:600}
.l{fill:none;stroke:var(--c);stroke-width:2}.b{fill:var(--c);opacity:.13}.w{stroke:var(--c);stroke-width:1.2}
.m{fill:var(--c);stroke:#fff;stroke-width:.8}.lead{stroke:var(--c);stroke-width:.7}
.c0{--c:#004468}.c1{--c:#8f1313}.c2{--c:#0ba261}.c3{--c:#df05b5}.c4{--c:#1e60ff}.c5{--c:#a18d0e}
.n1{--c:#777}.n2{--c:#444}.n3{--c:#222}
.d1 .l{stroke-dasharray:7 3}.d2 .l{stroke-dasharray:2 3}.d3 .l{stroke-dasharray:9 3 2 3}
.n1 .l{stroke-dasharray:1 4;stroke-linecap:round}.n2 .l{stroke-dasharray:5 4}.n3 .l{stroke-dasharray:14 4}
.n1 .m,.n2 .m,.n3 .m{fill:#fff;stroke:var(--c);stroke-width:1.4}
.many .band{display:none}.many .l{stroke-width:1.4}
</style>)";

}  // namespace

std::string plot_svg(const Plot& plot, bool narrow, bool alone) {
  double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
  std::size_t longest = 0;
  for (const PlotSeries& s : plot.series) {
    longest = std::max(longest, std::min<std::size_t>(s.name.size(), 30));
    for (const PlotPoint& p : s.points) {
      x_low = std::min(x_low, p.x);
      x_high = std::max(x_high, p.x);
      y_low = std::min({y_low, p.y, p.low});
      y_high = std::max({y_high, p.y, p.high});
    }
  }
  if (!(x_low <= x_high)) return {};
  const double scale = plot.percent ? 100 : 1;
  const auto count = static_cast<double>(plot.series.size());
  const double line = 15, left = 52, top = 30;
  // Names at the ends of lines, or below in as many columns as fit.
  const double names = 46 + letter * static_cast<double>(longest), width = narrow ? 400 : 760;
  const double right = narrow ? 14 : std::min(names, 270.0);
  const double per_row = std::max(1.0, std::floor((width - 20) / (names + 10)));
  const double inner = narrow ? 230 : std::max(320.0, count * line), bottom = 42;
  const double below = narrow ? std::ceil(count / per_row) * (line + 3) + 8 : 0;
  const double height = top + inner + bottom + below;
  const PlotAxis xs = axis(x_low, x_high, left, width - right, true, narrow ? 6 : 10);
  const PlotAxis ys = axis(scale * y_low, scale * y_high, top + inner, top, false, 8);
  const auto x_at = [&](double v) { return xs.at(v); };
  const auto y_at = [&](double v) { return ys.at(scale * v); };

  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) + " " + number(height) +
                    "\" class=\"plot " + (narrow ? "narrow" : "wide") + (plot.series.size() > crowd ? " many" : "") +
                    "\" role=\"group\" aria-label=\"" + html_text(plot.title) + "\"";
  if (alone) out += " width=\"" + number(width) + "\" height=\"" + number(height) + "\"";
  out += ">";
  if (alone) out += style_alone;
  out += "<title>" + html_text(plot.title) + "</title>";
  if (alone) out += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>";
  out += text_at(left - 40, 16, " class=\"name\"", plot.y_label + (plot.percent ? ", %" : ""));
  for (const double t : ys.ticks) {
    out += "<path class=\"grid\" d=\"M" + number(left) + " " + number(ys.at(t)) + "H" + number(width - right) + "\"/>";
    out += text_at(left - 6, ys.at(t) + 4, " text-anchor=\"end\"", tick_text(t));
  }
  for (const double t : xs.ticks) {
    out += "<path class=\"grid\" d=\"M" + number(xs.at(t)) + " " + number(top) + "V" + number(top + inner) + "\"/>";
    out += text_at(xs.at(t), top + inner + 16, " text-anchor=\"middle\"", tick_text(t));
  }
  out += "<path class=\"axis\" d=\"M" + number(left) + " " + number(top) + "V" + number(top + inner) + "H" +
         number(width - right) + "\"/>";
  out += text_at((left + width - right) / 2, top + inner + 34, " text-anchor=\"middle\" class=\"name\"",
                 plot.x_label + (xs.log ? " (log scale)" : ""));
  // Bands first, so that no line lies under another's.
  for (std::size_t k = 0; k < plot.series.size(); ++k) {
    const PlotSeries& s = plot.series[k];
    out += "<g class=\"band " + classes(s.look) + "\" data-series=\"" + std::to_string(k) + "\">";
    std::string upper, lower;
    for (const PlotPoint& p : s.points) {
      upper += (upper.empty() ? "M" : "L") + number(x_at(p.x)) + " " + number(y_at(p.high));
      lower = "L" + number(x_at(p.x)) + " " + number(y_at(p.low)) + lower;
    }
    if (s.points.size() > 1) out += "<path class=\"b\" d=\"" + upper + lower + "Z\"/>";
    out += "</g>";
  }
  for (std::size_t k = 0; k < plot.series.size(); ++k) {
    const PlotSeries& s = plot.series[k];
    out += "<g class=\"series " + classes(s.look) + "\" data-series=\"" + std::to_string(k) + "\">";
    std::string d;
    for (const PlotPoint& p : s.points) d += (d.empty() ? "M" : "L") + number(x_at(p.x)) + " " + number(y_at(p.y));
    if (s.look == PlotSeries::whole && s.points.size() == 1)  // what every line is to be held against
      d = "M" + number(left) + " " + number(y_at(s.points[0].y)) + "H" + number(width - right);
    if (!d.empty()) out += "<path class=\"l\" d=\"" + d + "\"/>";
    for (const PlotPoint& p : s.points) {
      const std::string says =
          p.name + ": " + shown_y(plot, p.y) +
          (p.low < p.high ? " (" + shown_y(plot, p.low) + " to " + shown_y(plot, p.high) + ")" : "") + ", " +
          tick_text(p.x) + " " + plot.x_label;
      out += "<g class=\"point\"" +
             std::string(alone ? "" : " tabindex=\"0\" role=\"img\" aria-label=\"" + html_text(says) + "\"") + ">";
      if (alone) out += "<title>" + html_text(says) + "</title>";
      if (s.points.size() == 1 && p.low < p.high)
        out += "<path class=\"w\" d=\"M" + number(x_at(p.x)) + " " + number(y_at(p.low)) + "V" + number(y_at(p.high)) +
               "\"/>";
      out += marker(shape_of(s.look), x_at(p.x), y_at(p.y)) + "</g>";
    }
    out += "</g>";
  }
  // Names.
  std::vector<std::pair<double, std::size_t>> places;
  for (std::size_t k = 0; k < plot.series.size(); ++k) places.emplace_back(y_at(plot.series[k].points.back().y), k);
  if (!narrow) {
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
      places[i].first = std::max(places[i].first, places[i - 1].first + line);
    double lowest = top + inner;
    for (std::size_t i = places.size(); i-- > 0; lowest = places[i].first - line)
      places[i].first = std::min(places[i].first, lowest);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const PlotSeries& s = plot.series[places[i].second];
    const auto row = std::floor(static_cast<double>(i) / per_row), col = static_cast<double>(i) - row * per_row;
    const double x = narrow ? 14 + col * (width - 20) / per_row : width - right + 8;
    const double y = narrow ? top + inner + bottom + 14 + row * (line + 3) : places[i].first;
    out += "<g class=\"key " + classes(s.look) + "\" data-series=\"" + std::to_string(places[i].second) + "\">";
    out += key_line(s, x, y) +
           text_at(x + 32, y + 4, "", cut(s.name, static_cast<std::size_t>(((narrow ? width : right) - 40) / letter))) +
           "<title>" + html_text(s.name) + "</title></g>";
  }
  return out + "</svg>";
}

}  // namespace arrcoc
