import ArgumentParser

/// The width of a network: a number of neurons, `auto`, or `inf`.
enum NetworkWidth: ExpressibleByArgument {
  case neurons(Int)
  /// That which tuning chooses.
  case automatic
  /// The limit kernel in the place of a network.
  case infinite

  init?(argument: String) {
    if argument == "inf" {
      self = .infinite
    } else if argument == "auto" {
      self = .automatic
    } else if let neurons = Int(argument) {
      self = .neurons(neurons)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .neurons(let neurons): "\(neurons)"
    case .automatic: "auto"
    case .infinite: "inf"
    }
  }
}
