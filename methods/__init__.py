"""The methods of hashbench, one a file. A file dropped here is found by its name."""

if __name__ == "methods":
    raise ImportError("the folder 'methods' is the package hashbench.methods; import it by that name")
