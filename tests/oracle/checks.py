"""What an oracle test counts: checks made, and what did not hold. A test imports `checks` and ends with the length of `checks.problems`."""
made = 0
problems = []


def check(ok, what):
    global made
    made += 1
    if not ok:
        problems.append(what)
        print("MISMATCH", what, flush=True)
