@_exported import CorrelationTrees
@_exported import FireTreeCore
@_exported import FireTreeData
@_exported import FireTreeTraining
