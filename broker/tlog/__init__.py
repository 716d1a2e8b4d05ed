"""Transparency logs: RFC 6962 trees and C2SP text formats, pure and strict.

The signature of an event is its proof of inclusion in its sender's log (docs/spec/proof.md), so
this package gives authenticity, order and evidence together. `merkle` hashes, `note` signs text,
`checkpoint` describes a log at one size, `cosignature` signs a checkpoint with a time, and `proof`
is the header of every record. No code here reads a clock, a file or the network.
"""
