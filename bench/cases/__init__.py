"""What is measured: each case seals a batch of events and opens it again.

A case is ``Case(recipients)`` with ``produce(datas) -> messages`` and ``consume(messages) ->
datas``, and ``size(messages)`` in bytes. ``consume`` is one reader's work.
"""
