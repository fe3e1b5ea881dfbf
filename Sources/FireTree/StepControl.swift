/// What a training does about a loss that rises: a function of the losses alone, so that every engine decides alike.
///
/// Adaptive restart: when the loss has risen since the step before, the next step is one of plain descent, which leaves the
/// gradient as the velocity (O'Donoghue, Candes: "Adaptive restart for accelerated gradient schemes", 2015, the function
/// scheme). Back-off: when it has risen to ten times the lowest, or above one and a half times the first, training goes back
/// and on with half the rate, its next step one of plain descent.
struct StepControl: Sendable, Equatable {
  /// What the next step does.
  struct Decision: Equatable {
    /// Whether training first goes back to the mark, or to the start where there is none.
    var goesBack = false
    var rule: UpdateRule
  }

  /// The rule of steps, with the rate as it is now.
  private(set) var rule: UpdateRule
  /// Whether anything is done.
  let isAdaptive: Bool
  /// Steps that dropped the momentum because the loss had risen, and times that the rate was halved.
  private(set) var restarts = 0
  private(set) var halvings = 0

  private let start: Double
  private var previous: Double?
  private var lowest: Double

  /// A rise by less than this share is taken for rounding.
  static let noise = 1e-4
  /// What is allowed over the lowest and over the first loss.
  static let overLowest = 10.0
  static let overStart = 1.5
  /// A loss below this share of the first is small enough, whatever the lowest.
  static let negligible = 1e-6
  /// After so many halvings training goes on as it can.
  static let mostHalvings = 30

  /// `start` is the loss before the first step.
  init(rule: UpdateRule, isAdaptive: Bool, start: Double) {
    (self.rule, self.isAdaptive, self.start, lowest) = (rule, isAdaptive, start, start)
  }

  /// What to do after `loss`. To be asked once before each step.
  mutating func decide(after loss: Double) -> Decision {
    guard isAdaptive else { return Decision(rule: rule) }
    var plain = rule
    plain.momentum = .none
    let highest = min(max(Self.overLowest * lowest, Self.negligible * start), Self.overStart * start)
    // Not a number is never within bounds.
    guard loss <= highest || halvings >= Self.mostHalvings || loss == start else {
      halvings += 1
      rule.rate /= 2
      plain.rate = rule.rate
      return Decision(goesBack: true, rule: plain)
    }
    let isRising = previous.map { loss > $0 * (1 + Self.noise) } ?? false
    (previous, lowest) = (loss, min(lowest, loss))
    guard isRising else { return Decision(rule: rule) }
    restarts += 1
    return Decision(rule: plain)
  }

  /// Training has gone back to where the loss was `loss`, and goes on with `rate`.
  mutating func wentBack(to loss: Double, rate: Float) { (previous, lowest, rule.rate) = (loss, loss, rate) }
}
