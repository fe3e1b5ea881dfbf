/// What a training does about a loss that rises: a function of the losses alone, so that every engine decides alike.
///
/// Adaptive restart: when the loss has risen since the step before, the next step is one of plain descent, which leaves the
/// gradient as the velocity (O'Donoghue, Candes: "Adaptive restart for accelerated gradient schemes", 2015, the function
/// scheme). Where it rises again within three steps, the rate is too large by itself, and is halved.
/// Back-off: when it has risen to ten times the lowest, or above one and a half times the first, training goes back
/// and on with half the rate, its next step one of plain descent.
package struct StepControl: Sendable, Equatable {
  /// What the next step does.
  package struct Decision: Equatable {
    /// Whether training first goes back to the mark, or to the start where there is none.
    package var goesBack: Bool
    package var rule: UpdateRule

    package init(goesBack: Bool = false, rule: UpdateRule) {
      self.goesBack = goesBack
      self.rule = rule
    }
  }

  /// The rule of steps, with the rate as it is now.
  package private(set) var rule: UpdateRule
  /// Whether anything is done.
  package let isAdaptive: Bool
  /// Steps that dropped the momentum because the loss had risen, and times that the rate was halved.
  package private(set) var restarts = 0
  package private(set) var halvings = 0

  private let start: Double
  private var previous: Double?
  /// Steps since the momentum was last dropped, the step without it included.
  private var age = Int.max
  /// Whether the next step is of plain descent, too: the velocity that a step of too large a rate leaves would undo it.
  private var staysPlain = false
  private var lowest: Double

  /// A rise by less than this share is taken for rounding.
  package static let noise = 1e-4
  /// A rise so many steps after the momentum was dropped is none that momentum makes.
  package static let soon = 3
  /// What is allowed over the lowest and over the first loss.
  package static let overLowest = 10.0
  package static let overStart = 1.5
  /// A loss below this share of the first is small enough, whatever the lowest.
  package static let negligible = 1e-6
  /// After so many halvings training goes on as it can.
  package static let mostHalvings = 30

  /// `start` is the loss before the first step.
  package init(rule: UpdateRule, isAdaptive: Bool, start: Double) {
    (self.rule, self.isAdaptive, self.start, lowest) = (rule, isAdaptive, start, start)
  }

  /// What to do after `loss`. To be asked once before each step.
  package mutating func decide(after loss: Double) -> Decision {
    guard isAdaptive else { return Decision(rule: rule) }
    var plain = rule
    plain.momentum = .none
    let highest = min(max(Self.overLowest * lowest, Self.negligible * start), Self.overStart * start)
    // Not a number is never within bounds.
    guard loss <= highest || halvings >= Self.mostHalvings else {
      halvings += 1
      rule.rate /= 2
      plain.rate = rule.rate
      (age, staysPlain) = (0, true)
      return Decision(goesBack: true, rule: plain)
    }
    let isRising = previous.map { loss > $0 * (1 + Self.noise) } ?? false
    (previous, lowest) = (loss, min(lowest, loss))
    if rule.momentum == .none { age = 0 }
    guard isRising else {
      age = age < .max ? age + 1 : age
      defer { staysPlain = false }
      return Decision(rule: staysPlain ? plain : rule)
    }
    if age <= Self.soon, halvings < Self.mostHalvings {
      halvings += 1
      rule.rate /= 2
      plain.rate = rule.rate
      staysPlain = true
    } else {
      restarts += 1
    }
    age = 0
    return Decision(rule: plain)
  }

  /// Training has gone back to where the loss was `loss`, and goes on with `rate`.
  package mutating func wentBack(to loss: Double, rate: Float) {
    (previous, lowest, rule.rate) = (loss, loss, rate)
  }
}
