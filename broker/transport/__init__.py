"""Transport over Kafka.

`interfaces` defines what the service needs; `kafka` implements it. `topics` is the plan
of a contract and `provisioning` applies it; `local` runs a Kafka on this machine. This module
imports nothing, because commands that need only a certificate must not wait for aiokafka.
"""
