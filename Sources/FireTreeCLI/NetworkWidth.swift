import ArgumentParser

/// The width of a network: a number of neurons, or `inf`.
enum NetworkWidth: ExpressibleByArgument {
  case neurons(Int)
  /// The limit kernel in the place of a network.
  case infinite

  init?(argument: String) {
    if argument == "inf" {
      self = .infinite
    } else if let neurons = Int(argument) {
      self = .neurons(neurons)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .neurons(let neurons): "\(neurons)"
    case .infinite: "inf"
    }
  }
}
