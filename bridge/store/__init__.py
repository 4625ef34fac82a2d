"""What is kept: tables, repositories, journal, deliveries, image objects; one transaction each.

Enters: values of the domain through the services' ports. Leaves: the same values, read back.
"""
