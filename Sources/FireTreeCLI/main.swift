import FireTree

print("firetree")
