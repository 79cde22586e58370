ANSWER = "second"
