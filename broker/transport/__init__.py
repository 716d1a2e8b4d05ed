"""Kafka and what stands in for it.

`interfaces` is what the service asks for; `kafka` and `memory` give it. `topics` is the plan of a
contract, `provisioning` applies it; `local` runs a Kafka on this machine. Nothing is imported here:
commands that need only a certificate must not wait for FastStream.
"""
