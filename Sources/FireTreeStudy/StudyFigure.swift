import FireTree

/// The script that makes gnuplot draw the panels of a study.
public enum StudyFigure {
  /// A gnuplot script that writes an SVG figure to standard output; nil when there is nothing to draw.
  ///
  /// Data are in the script. Points that are not finite, or not positive on a logarithmic axis, are left out.
  public static func script(_ panels: [StudyPanel]) -> String? {
    let drawn = panels.map(Self.drawable).filter { !$0.series.isEmpty }
    guard !drawn.isEmpty else { return nil }
    let columns = min(drawn.count, 2)
    let rows = (drawn.count + columns - 1) / columns
    var text =
      "set terminal svg size \(520 * columns),\(360 * rows) dynamic background 'white' font 'sans,11'\n"
    text += "set multiplot layout \(rows),\(columns)\n"
    text += "set key below\nset grid\nset format x '%g'\nset format y '%g'\n"
    for (number, panel) in drawn.enumerated() { text += commands(panel, number: number) }
    return text + "unset multiplot\n"
  }

  private static func drawable(_ panel: StudyPanel) -> StudyPanel {
    var panel = panel
    for index in panel.series.indices {
      panel.series[index].points.removeAll {
        !$0.x.isFinite || !$0.y.isFinite || panel.logarithmicX && $0.x <= 0
          || panel.logarithmicY && $0.y <= 0
      }
    }
    panel.series.removeAll { $0.points.isEmpty }
    return panel
  }

  private static func commands(_ panel: StudyPanel, number: Int) -> String {
    var text = ""
    for (index, series) in panel.series.enumerated() {
      text += "$panel\(number)_\(index) << EOD\n"
      text += series.points.map { "\($0.x) \($0.y)\n" }.joined() + "EOD\n"
    }
    text += "set title '\(quoted(panel.title))'\nset xlabel '\(quoted(panel.xLabel))'\n"
    text += "set ylabel '\(quoted(panel.yLabel))'\nunset logscale\n"
    if panel.logarithmicX { text += "set logscale x\n" }
    if panel.logarithmicY { text += "set logscale y\n" }
    let plots = panel.series.enumerated().map { index, series in
      "$panel\(number)_\(index) using 1:2 with linespoints title '\(quoted(series.name))' noenhanced"
    }
    return text + "plot " + plots.joined(separator: ", ") + "\n"
  }

  /// A single quote is doubled; a line end cannot be in a title; `_` and `^` would be subscripts and superscripts.
  private static func quoted(_ text: String) -> String {
    text.map { $0 == "'" ? "''" : $0.isNewline ? " " : $0 == "_" ? "-" : String($0) }.joined()
  }
}
