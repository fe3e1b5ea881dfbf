import FireTree

let cells = try Dataset(contentsOf: "Examples/data/breast-cancer.csv")
let (training, heldOut) = try cells.split(at: 400)
let model = try Model.train(on: training, configuration: TrainingConfiguration(neurons: 2000))
try model.write(to: "cells.safetensors")
let predictions = try model.predict(heldOut.features)
if let truth = heldOut.target {
  print("accuracy", Evaluation(predictions: predictions, truth: truth).accuracy ?? 0)
}
