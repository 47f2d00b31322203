"""The stores: MongoDB behind the interfaces of ``interfaces``. Documents of the database do not leave this
package."""
