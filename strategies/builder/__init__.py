"""A configuration as something people edit: what a form shows of it, what may be done to it, how two of them differ.

Nothing here knows records or pages. The text is the truth; everything is read from it and written back to it.
"""
