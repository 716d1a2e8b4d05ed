"""What is measured: each case seals a batch of events and opens it again.

A case is ``Case(recipients)`` with ``produce(datas) -> messages``, ``consume(messages) -> opened``
(one reader's work), ``data(opened one) -> data`` for checking, and ``size(messages)`` in bytes.
"""
