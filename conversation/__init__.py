"""The mind: what a thread is, what the model is asked, and how an answer comes to its end.

No input or output happens here and nothing beyond the standard library is imported: the stores, the models and the
platforms come in through `ports`.
"""
