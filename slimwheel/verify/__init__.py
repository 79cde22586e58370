"""What installers do not check, and what only running shows: findings with stable codes, fresh
environments, and the comparison of a slim torch with upstream's by the battery.
"""
