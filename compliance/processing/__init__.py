"""The record of processing (GDPR Art. 30), with the assessments that a purpose needs before it may be used."""
