"""HL7 v2 enters over MLLP and leaves as commands for the services, answered by acknowledgements.

Domain events leave as HL7 v2 messages; nothing inward of this room ever sees ER7 text.
"""
