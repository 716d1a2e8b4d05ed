"""Transparency logs: RFC 6962 trees and the C2SP text formats around them, pure and strict.

The signature of an event is its proof of inclusion in its sender's log (docs/spec/proof.md), so
this package gives authenticity, order and evidence at once: `merkle` hashes, `note` signs text,
`checkpoint` names a log at one size, `cosignature` signs that with a time, `proof` is the header
that travels with every record. Nothing here reads a clock, a file or the network.
"""
