"""The datasets of hashbench, one a file. A file dropped here is found by its name."""

if __name__ == "datasets":
    raise ImportError("the folder 'datasets' is the package hashbench.datasets; import it by that name")
