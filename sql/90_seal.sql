-- Owner and PUBLIC's rights of everything above; update scripts end with the same call.

SELECT whalefall.seal();
